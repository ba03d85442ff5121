/** `beryl.ts` with `compression: 'shared'`. */
process.env.BENCH_COMPRESSION = 'shared'
await import('./beryl.ts')
