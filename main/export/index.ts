export { type ExportOptions, exportSplatPly, writeSplatPly } from './splat-ply.ts';
