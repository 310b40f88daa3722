/** Plain-text tables for people; --json carries the same figures unrounded. */

/** Columns padded to their widest cell; numbers to the right. */
export function formatTable(rows: readonly (readonly unknown[])[]): string[] {
  const cells = rows.map((row) => row.map(formatCell));
  const columns = Math.max(0, ...cells.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...cells.map((row) => row[column]?.length ?? 0)),
  );
  return cells.map((row, index) =>
    row
      .map((cell, column) => {
        const numeric =
          rows.slice(1).some((other) => typeof other[column] === 'number') || typeof rows[index]?.[column] === 'number';
        return numeric ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0);
      })
      .join('  ')
      .trimEnd(),
  );
}

/** A list of records with a heading line of all keys. */
export function formatRecords(records: readonly Readonly<Record<string, unknown>>[]): string[] {
  const keys = [...new Set(records.flatMap((record) => Object.keys(record)))];
  return formatTable([keys, ...records.map((record) => keys.map((key) => record[key]))]);
}

/** One figure of a document: a value on its line, a list of records as a table, another object as one line of JSON. */
export function formatFigure(name: string, value: unknown): string[] {
  if (isRecords(value)) return [`${name}:`, ...formatRecords(value).map((line) => `  ${line}`)];
  return [`${name}: ${formatCell(value)}`];
}

function isRecords(value: unknown): value is readonly Readonly<Record<string, unknown>>[] {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((item) => typeof item === 'object' && item !== null && !Array.isArray(item))
  );
}

function formatCell(value: unknown): string {
  switch (typeof value) {
    case 'number':
      return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)));
    case 'string':
      return value;
    case 'undefined':
      return '';
    default:
      return value === null ? '-' : JSON.stringify(value, (_key, inner: unknown) => shorten(inner));
  }
}

function shorten(value: unknown): unknown {
  return typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(4)) : value;
}
