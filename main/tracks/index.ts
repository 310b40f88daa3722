/** @public door of main/tracks: tracks of projects, in and out. */
export {
  type AmodalInputs,
  keepObjectSplats,
  type ObjectSplats,
  objectSplatsOf,
  prepareAmodal,
  withEarlierMasks,
} from './amodal.ts';
export {
  type ExportTracksOptions,
  exportProjectTracks,
  type TrackExportFormat,
  type TrackExportReport,
  trackExportFormats,
} from './export-tracks.ts';
export {
  type ImportedTracks,
  type ImportTracksOptions,
  importProjectTracks,
  type TrackImportFormat,
} from './import-tracks.ts';
export { AMODAL_MASKS, amodalOutlines, carriedOutlines, effortOf, suggestedMerges, TrackPlaces } from './insight.ts';
export { TrackOccluders } from './occluders.ts';
export { trackMasks } from './project-tracks.ts';
export { beginReview, endReview, reviewOf, showTracks, stateOfTracks } from './review.ts';
export { locksOfProject, type StoredTracks, type StoreTracksOptions, storeTracks } from './store-tracks.ts';
export { readTracksFile } from './tracks-file.ts';
