/** Rows kept in the page beyond those in sight, so that a fast scroll does not show gaps. */
const OVERSCAN_ROWS = 6;

/** Half-open range of the rows to draw for a scrolled view. Lengths in pixels. */
export function visibleRows(
  scrollTop: number,
  viewHeight: number,
  rowHeight: number,
  rowCount: number,
): { first: number; last: number } {
  const first = Math.max(0, Math.min(rowCount, Math.floor(scrollTop / rowHeight) - OVERSCAN_ROWS));
  const last = Math.max(first, Math.min(rowCount, Math.ceil((scrollTop + viewHeight) / rowHeight) + OVERSCAN_ROWS));
  return { first, last };
}
