/** @public door of main/jobs/queue */
export { type JobQueue, type JobQueueOptions, openJobQueue, type QueueMessage } from './queue.ts';
export type { StoredTable } from './runner.ts';
