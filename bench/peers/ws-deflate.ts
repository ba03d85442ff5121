/** `ws.ts` with its own compression. */
process.env.BENCH_COMPRESSION = 'own'
await import('./ws.ts')
