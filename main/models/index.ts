/** @public door of main/models */
export { findModelFolder, installedModels, modelFolderOf, modelFolders } from './folders.ts';
