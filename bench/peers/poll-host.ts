/** The use of a server's process so far. */
export interface Usage {
  /** User and system time, of all threads. */
  readonly cpuUs: number
  readonly heap: number
  readonly resident: number
}

/**
 * Tells the bench the port of this server, and does what it orders: `broadcast`, or any other word for the use of the process. Ends with
 * its parent.
 */
export function hostPolls(port: number, broadcast: () => void): void {
  process.on('disconnect', () => process.exit(0))
  process.send?.({ port })
  process.on('message', (order: string) => {
    if (order === 'broadcast') return broadcast()
    for (let round = 0; round < 4; round++) global.gc?.()
    const { user, system } = process.cpuUsage()
    const { heapUsed, external, rss } = process.memoryUsage()
    process.send?.({ cpuUs: user + system, heap: heapUsed + external, resident: rss } satisfies Usage)
  })
}
