/** What renderer and host say to each other. */
export * from './desktop.ts';
export * from './events.ts';
export * from './jobs.ts';
export * from './language.ts';
export * from './menu.ts';
export * from './objects.ts';
export * from './procedures.ts';
export * from './project.ts';
export * from './routes.ts';
export * from './tracks.ts';
export * from './view.ts';
