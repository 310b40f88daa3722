import { z } from 'zod';

/** One command as the native menu shows it. */
export const menuCommandSchema = z.object({
  id: z.string().min(1).max(100),
  title: z.string().min(1).max(100),
  menu: z.enum(['File', 'Edit', 'View', 'Go', 'Train', 'Help']),
  /** Electron accelerator syntax; shown, not registered: the page handles the keys itself. */
  accelerator: z.string().max(50).optional(),
  enabled: z.boolean(),
});
export type MenuCommand = z.infer<typeof menuCommandSchema>;
export const menuSchema = z.array(menuCommandSchema).max(200);
