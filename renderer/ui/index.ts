export {
  Button,
  type ButtonVariant,
  Checkbox,
  Field,
  IconButton,
  Segments,
  Select,
  Slider,
  Tabs,
} from './controls.tsx';
export { Dialog } from './dialog.tsx';
export { Badge, EmptyState, ErrorState, Kbd, LoadingState, Note, Progress, Spinner, type Tone } from './feedback.tsx';
export {
  formatAgo,
  formatBytes,
  formatCount,
  formatDuration,
  formatFixed,
  formatPercent,
  formatShort,
  plural,
} from './format.ts';
export { Icon, type IconName } from './icons.tsx';
export { Menu, type MenuItem, type MenuTriggerProps } from './menu.tsx';
export { errorColor, objectColor } from './palette.ts';
export { type Column, type Sorting, Table } from './table.tsx';
export { TooltipLayer, useTooltip } from './tooltip.tsx';
export { visibleRows } from './window.ts';

import './theme.css';
import './kit.css';
