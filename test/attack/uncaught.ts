const errors: unknown[] = []
let isWatching = false

/** Errors that nobody caught since the last look. From the first call on they do not end the process. */
export function uncaughtErrors(): { take(): string[] } {
  if (!isWatching) {
    isWatching = true
    quietWarnings()
    for (const event of ['uncaughtException', 'unhandledRejection'] as const)
      process.on(event, (error: unknown) => errors.push(error))
  }
  return { take: () => errors.splice(0).map(place) }
}

/** The library's own words where the logger fails are expected, and would be most of the output. */
function quietWarnings(): void {
  process.removeAllListeners('warning')
  process.on('warning', (warning) => {
    if (warning.name !== 'FastifyBerylWarning') console.error(warning.stack)
  })
}

/** Runs a callback as a timer would: what it throws is nobody's. */
export function unguarded(callback: () => void): void {
  try {
    callback()
  } catch (error) {
    errors.push(error)
  }
}

/** The message, and the first place of the library in the stack. */
function place(error: unknown): string {
  if (!(error instanceof Error)) return `${typeof error} that is no error`
  const at = /(src\/[\w/.-]+:\d+)/.exec(error.stack ?? '')?.[1] ?? 'outside of the library'
  return `${error.name}: ${error.message.slice(0, 120)} (${at})`
}
