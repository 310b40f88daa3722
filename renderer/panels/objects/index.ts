export { ColourPicker } from './colour-picker.tsx';
export { changeObjects, deleteObjects, isolateObjects, mergeObjects, toggleHidden, toggleLocked } from './edits.ts';
export { ObjectsPanel } from './panel.tsx';
export { classNames } from './rows.ts';
