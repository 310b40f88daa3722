/**
 * The page's content security policy forbids `eval`, which zod tries when a schema is built. This module is imported before
 * the contract, so that no schema ever asks and no violation is reported.
 */
import { z } from 'zod';

z.config({ jitless: true });
