/** Icons drawn for the studio on a 16 x 16 grid with 1.4 px strokes. Decorative: the control around one carries the name. */

const PATHS = {
  cube: 'M8 1.8 13.5 4.9v6.2L8 14.2l-5.5-3.1V4.9zM2.5 4.9 8 8l5.5-3.1M8 8v6.2',
  image: 'M2 3.5h12v9H2zM2 10.5 5.5 7l3 3 2-1.8L14 11M10.6 6.2v.01',
  timeline: 'M1.8 4.5h6M9.8 4.5h4.4M1.8 8h3M6.8 8h7.4M1.8 11.5h8M11.8 11.5h2.4',
  list: 'M5.5 4h8.7M5.5 8h8.7M5.5 12h8.7M2.2 4h.6M2.2 8h.6M2.2 12h.6',
  info: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12M8 7.4v3.4M8 5.2v.01',
  chart: 'M2 2v12h12M4.5 11 7 7.5l2.3 2L13.5 4',
  bars: 'M2.5 14V9.5M6.2 14V6M9.8 14V8M13.5 14V2.5',
  search: 'M7 11.8A4.8 4.8 0 1 0 7 2.2a4.8 4.8 0 0 0 0 9.6M10.5 10.5 14 14',
  folder: 'M1.8 12.8V3.2h4.3l1.6 1.9h6.5v7.7z',
  'folder-plus': 'M1.8 12.8V3.2h4.3l1.6 1.9h6.5v7.7zM8 7v4M6 9h4',
  file: 'M3.5 14.2V1.8h5.8l3.2 3.2v9.2zM9 1.8v3.5h3.5',
  import: 'M8 1.8v8M4.8 6.8 8 10l3.2-3.2M2 11.5v2.7h12v-2.7',
  export: 'M8 10V2M4.8 5 8 1.8 11.2 5M2 11.5v2.7h12v-2.7',
  train: 'M2.2 13.8 6 9.5l2.6 1.8 5-8.3M10.2 2.6l3.6-.2.3 3.6',
  lift: 'M8 14V6.5M5 9.2 8 6.2l3 3M2.2 5 8 1.8 13.8 5',
  play: 'M4.5 2.6v10.8L13 8z',
  pause: 'M5 2.8v10.4M11 2.8v10.4',
  stop: 'M3.5 3.5h9v9h-9z',
  resume: 'M2.5 8A5.5 5.5 0 1 0 4.6 3.7M4.8 1v3H1.9',
  undo: 'M5.5 3 2.3 6.2l3.2 3.2M2.5 6.2h7a4 4 0 0 1 0 8H6.5',
  redo: 'm10.5 3 3.2 3.2-3.2 3.2M13.5 6.2h-7a4 4 0 0 0 0 8h3',
  close: 'm3.5 3.5 9 9M12.5 3.5l-9 9',
  check: 'm2.8 8.4 3.4 3.5 7-7.6',
  warning: 'M8 2 14.6 13.6H1.4zM8 6.4v3.4M8 11.7v.01',
  error: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12M8 5v3.6M8 10.8v.01',
  trash: 'M2.5 4h11M6 4V2.2h4V4M4 4l.7 10h6.6L12 4M6.7 6.8v4.4M9.3 6.8v4.4',
  'chevron-down': 'm4 6.2 4 4 4-4',
  'chevron-right': 'm6.2 4 4 4-4 4',
  'chevron-left': 'm9.8 4-4 4 4 4',
  'arrow-up': 'M8 13V3.4M4 7l4-4 4 4',
  plus: 'M8 2.8v10.4M2.8 8h10.4',
  eye: 'M1.4 8S3.8 3.6 8 3.6 14.6 8 14.6 8 12.2 12.4 8 12.4 1.4 8 1.4 8M8 10a2 2 0 1 0 0-4 2 2 0 0 0 0 4',
  'eye-off':
    'M6.2 3.8A6.4 6.4 0 0 1 8 3.6c4.2 0 6.6 4.4 6.6 4.4a12 12 0 0 1-1.7 2.2M4 5a12 12 0 0 0-2.6 3S3.8 12.4 8 12.4c1 0 1.9-.2 2.7-.6M2.2 2.2l11.6 11.6',
  lock: 'M3.5 7.2h9v6.6h-9zM5.3 7.2V5a2.7 2.7 0 0 1 5.4 0v2.2',
  unlock: 'M3.5 7.2h9v6.6h-9zM5.3 7.2V4.6A2.7 2.7 0 0 1 10.5 3.7',
  camera: 'M1.8 4.6h8.4v6.8H1.8zM10.2 7l4-2v6l-4-2',
  orbit:
    'M8 9.6a1.6 1.6 0 1 0 0-3.2 1.6 1.6 0 0 0 0 3.2M1.6 8c0-1.7 2.9-3 6.4-3s6.4 1.3 6.4 3-2.9 3-6.4 3-6.4-1.3-6.4-3',
  fly: 'M14 2 1.8 7.2l4.4 2.3L8.6 14zM14 2 6.2 9.5',
  target: 'M8 13a5 5 0 1 0 0-10 5 5 0 0 0 0 10M8 1v3.4M8 11.6V15M1 8h3.4M11.6 8H15',
  split: 'M2 3h12v10H2zM8 1.5v13',
  blend: 'M6 11.5a4 4 0 1 0 0-8 4 4 0 0 0 0 8M10 12.5a4 4 0 1 0 0-8 4 4 0 0 0 0 8',
  layers: 'm8 2 6.2 3.3L8 8.6 1.8 5.3zM1.8 8.2 8 11.5l6.2-3.3M1.8 11 8 14.3l6.2-3.3',
  fit: 'M2 5.5V2h3.5M10.5 2H14v3.5M14 10.5V14h-3.5M5.5 14H2v-3.5',
  zoom: 'M7 11.8A4.8 4.8 0 1 0 7 2.2a4.8 4.8 0 0 0 0 9.6M10.5 10.5 14 14M7 5v4M5 7h4',
  points: 'M3.5 4v.01M8 3v.01M12.5 5v.01M5.5 8v.01M10 8.5v.01M3.5 12v.01M8 12.5v.01M12.5 11.5v.01',
  sun: 'M8 10.8a2.8 2.8 0 1 0 0-5.6 2.8 2.8 0 0 0 0 5.6M8 1.2v1.5M8 13.3v1.5M1.2 8h1.5M13.3 8h1.5M3.2 3.2l1 1M11.8 11.8l1 1M12.8 3.2l-1 1M4.2 11.8l-1 1',
  moon: 'M13.5 9.6A5.8 5.8 0 1 1 6.4 2.5a4.6 4.6 0 0 0 7.1 7.1',
  settings:
    'M2 4.5h7M12 4.5h2M2 11.5h2M7 11.5h7M10.5 6a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3M5.5 13a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3',
  chip: 'M4 4h8v8H4zM6.5 1.5V4M9.5 1.5V4M6.5 12v2.5M9.5 12v2.5M1.5 6.5H4M1.5 9.5H4M12 6.5h2.5M12 9.5h2.5',
  link: 'M6.5 9.5 9.5 6.5M7.2 4.5 9 2.7a3 3 0 0 1 4.3 4.3l-1.8 1.8M8.8 11.5 7 13.3A3 3 0 0 1 2.7 9l1.8-1.8',
  keyboard: 'M1.5 4h13v8h-13zM4 6.5v.01M6.7 6.5v.01M9.3 6.5v.01M12 6.5v.01M5 9.5h6',
  layout: 'M2 2.5h12v11H2zM6 2.5v11M6 9h8',
  menu: 'M2 4.5h12M2 8h12M2 11.5h12',
  clock: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12M8 4.8V8l2.2 1.6',
  disconnected: 'M2 6.5a8.5 8.5 0 0 1 12 0M4.3 9a5.2 5.2 0 0 1 7.4 0M8 12.2v.01M2.5 2.5l11 11',
  merge: 'M3.5 2v2.2L8 8.5V14M12.5 2v2.2L8 8.5M5.8 11.8 8 14l2.2-2.2',
  edit: 'm10.4 2.9 2.7 2.7-7 7-3.4.7.7-3.4zM8.8 4.5l2.7 2.7',
  copy: 'M5.8 5.8h7.7v7.7H5.8zM10.2 5.5v-3H2.5v7.7h3',
  more: 'M3.5 8v.01M8 8v.01M12.5 8v.01',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg
      className="ui-icon"
      width={size}
      height={size}
      viewBox="0 0 16 16"
      fill={name === 'play' ? 'currentColor' : 'none'}
      stroke="currentColor"
      strokeWidth={size > 24 ? 0.9 : 1.4}
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
