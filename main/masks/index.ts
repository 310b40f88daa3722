/** @public door of main/masks: masks of other programs in and out, mask sets as files. */
export { type ExportMasksOptions, exportMasks, type MaskExportReport } from './export.ts';
export {
  type ImportedMasks,
  type ImportMasksOptions,
  importMasks,
  type MaskFormat,
  maskFormatSchema,
} from './import.ts';
export { MasksFile, writeMasksFile } from './masks-file.ts';
export type { MaskFrame } from './match.ts';
export { countsOfPolygons } from './polygons.ts';
export {
  exportProjectMasks,
  type ImportIntoProjectMasksOptions,
  importProjectMasks,
  type ProjectMasksImport,
} from './project-masks.ts';
export type { MaskImportReport, MaskNote, NameList } from './report.ts';
