/** @public door of main/instances: lifted objects in a project, and which Gaussians and pixels are whose. */
export { objectExtents } from './extents.ts';
export { liftsOf, type Membership, Memberships, selectionShapes } from './membership.ts';
export { allObjectMasks, liftedMasks, objectMasks } from './object-masks.ts';
export { createFromSelection } from './selection.ts';
export { LIFTED_MASKS, storeLift } from './store.ts';
