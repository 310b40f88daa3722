/** @public door of main/app: what other programs of ours need to know of the desktop, without loading Electron. */
export { electronBinary } from './packaging/electron-binary.ts';
export { stageDesktop } from './packaging/stage.ts';
