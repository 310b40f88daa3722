import { useEffect, useRef } from 'react';
import UPlot from 'uplot';
import type { CurvePoint } from '../../../contract/index.ts';
import { type CurveField, newest, seriesOf } from './curves.ts';

interface ChartProps {
  title: string;
  field: CurveField;
  points: readonly CurvePoint[];
  format: (value: number | null) => string;
  /** Short form for the axis. */
  tick: (value: number) => string;
  /** Name of a token. */
  colour: string;
  logarithmic?: boolean;
  /** What to expect where there is nothing to draw yet. */
  none: string;
}

/** Of a logarithmic axis's many splits only 1, 2 and 5 times a power of ten. */
function roundOnly(_: UPlot, splits: number[]): (number | null)[] {
  return splits.map((value) =>
    [1, 2, 5].includes(Number((value / 10 ** Math.floor(Math.log10(value) + 1e-9)).toPrecision(3))) ? value : null,
  );
}

/** One live curve over the iterations. The newest value stands in the title; the cursors of all charts move together. */
export function Chart({ title, field, points, format, tick, colour, logarithmic = false, none }: ChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<UPlot | null>(null);
  const data = useRef(seriesOf(points, field));
  data.current = seriesOf(points, field);

  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const token = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    // A panel that is not in sight is not in the page, where elements have no style: the body always is.
    const font = `11px ${getComputedStyle(document.body).fontFamily}`;
    const axis = { stroke: () => token('--text-faint'), font, ticks: { show: false }, gap: 4 };
    const grid = { stroke: () => token('--line'), width: 1 };
    const chart = new UPlot(
      {
        width: Math.max(1, element.clientWidth),
        height: Math.max(1, element.clientHeight),
        padding: [8, 8, 0, 0],
        legend: { show: false },
        cursor: { sync: { key: 'jobs' }, drag: { x: false, y: false }, points: { size: 6 } },
        scales: { x: { time: false }, y: logarithmic ? { distr: 3 } : {} },
        axes: [
          {
            ...axis,
            grid: { show: false },
            size: 20,
            space: 48,
            values: (_, values) => values.map((v) => v.toLocaleString('en-US')),
          },
          {
            ...axis,
            grid: logarithmic ? { ...grid, filter: roundOnly } : grid,
            ...(logarithmic ? { filter: roundOnly } : {}),
            size: 42,
            space: 26,
            values: (_, values) => values.map((v) => (v === null ? '' : tick(v))),
          },
        ],
        series: [
          {},
          {
            stroke: () => token(colour),
            width: 1.5,
            points: { show: (plotted) => plotted.data[0].length < 20, size: 5 },
          },
        ],
      },
      data.current,
      element,
    );
    plot.current = chart;
    const sizes = new ResizeObserver(() => {
      if (element.clientWidth > 0 && element.clientHeight > 0)
        chart.setSize({ width: element.clientWidth, height: element.clientHeight });
    });
    sizes.observe(element);
    const themes = new MutationObserver(() => chart.redraw());
    themes.observe(document.documentElement, { attributeFilter: ['data-theme'] });
    return () => {
      sizes.disconnect();
      themes.disconnect();
      chart.destroy();
      plot.current = null;
    };
  }, [colour, logarithmic, tick]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: `points` is what `data` was made of
  useEffect(() => {
    plot.current?.setData(data.current);
  }, [points]);

  const last = newest(points, field);
  const value = format(last);
  return (
    <figure className="chart tabular">
      <figcaption>
        <span>{title}</span>
        <strong>{value}</strong>
      </figcaption>
      <div className="chart-body">
        {last === null && <p className="chart-none">{none}</p>}
        <div ref={box} className="chart-plot" role="img" aria-label={`${title} over the iterations, now ${value}`} />
      </div>
    </figure>
  );
}
