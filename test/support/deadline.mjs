// Ends a test file that ends by itself no more, and says what it left open: node:test of Node 26 would wait for it for ever.
const DEADLINE_MINUTES = 20

if (process.env.NODE_TEST_CONTEXT !== undefined)
  setTimeout(() => {
    console.error(`${process.argv[1]} still runs after ${DEADLINE_MINUTES} minutes, with these open:`)
    console.error(process.getActiveResourcesInfo())
    process.exit(1)
  }, DEADLINE_MINUTES * 60_000).unref()
