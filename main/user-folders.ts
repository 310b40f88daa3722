/** Where this machine's user keeps what belongs to the program. */
import { homedir } from 'node:os';
import { join } from 'node:path';

/** `LIFTSCOPE_CONFIG`, else the platform's folder for configuration. */
export function configFolder(environment: NodeJS.ProcessEnv = process.env): string {
  if (environment.LIFTSCOPE_CONFIG) return environment.LIFTSCOPE_CONFIG;
  if (process.platform === 'win32')
    return join(environment.APPDATA ?? join(homedir(), 'AppData', 'Roaming'), 'Liftscope');
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Application Support', 'Liftscope');
  return join(environment.XDG_CONFIG_HOME || join(homedir(), '.config'), 'liftscope');
}

/** `LIFTSCOPE_CACHE`, else the platform's folder for what can be made again. */
export function cacheFolder(environment: NodeJS.ProcessEnv = process.env): string {
  if (environment.LIFTSCOPE_CACHE) return environment.LIFTSCOPE_CACHE;
  if (process.platform === 'win32')
    return join(environment.LOCALAPPDATA ?? join(homedir(), 'AppData', 'Local'), 'Liftscope', 'cache');
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches', 'Liftscope');
  return join(environment.XDG_CACHE_HOME || join(homedir(), '.cache'), 'liftscope');
}

/** `LIFTSCOPE_MODELS`, else `models` in the folder for configuration. */
export function userModelsFolder(environment: NodeJS.ProcessEnv = process.env): string {
  return environment.LIFTSCOPE_MODELS || join(configFolder(environment), 'models');
}
