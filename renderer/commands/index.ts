export { createProject, importCapture, openProject } from './actions.ts';
export { formatChord } from './chord.ts';
export type { Command, CommandMenu } from './command.ts';
export { isMac, listenForKeys } from './dispatch.ts';
export { commandsOf, MENUS, nativeMenu, searchCommands } from './menus.ts';
export { commandById, commands, flyKeys, runCommand } from './table.ts';
