import fc from 'fast-check';

/** Property tests draw the same cases every time; LIFTSCOPE_TEST_SEED draws others. A failure prints its seed. */
fc.configureGlobal({ seed: Number(process.env.LIFTSCOPE_TEST_SEED ?? 20_261_120) });
