export { TrainDialog } from './train-dialog.tsx';
