/** @public door of main/tracks: tracks of projects, in and out. */
export { locksOfProject, type StoredTracks, type StoreTracksOptions, storeTracks } from './store-tracks.ts';
export { readTracksFile } from './tracks-file.ts';
