/** @public door of worker/objects/assignment */
export { type Assignment, AssignmentError, type AssignmentOptions, linearAssignment } from './linear.ts';
export { AssignmentSolver } from './solver.ts';
