import type { ChildInit } from '../supervision/child-spec.ts'
import type { SupervisorOptions } from '../supervision/supervisor.ts'
import type { Endpoint } from './endpoint.ts'

/**
 * The tree of the plugin, in the order in which it starts:
 *
 *     beryl                  rest_for_one, 3 restarts in 5 s
 *     ├─ pubsub              who on this node hears which topic; the way to the other nodes
 *     ├─ coordinator         one session for each connected client, temporary
 *     │   └─ session         one client
 *     │       └─ channel     one joined topic
 *     ├─ presence            who is where; talks to the other nodes over the pubsub
 *     ├─ groups              named sets of topics, likewise
 *     └─ …                   the application's own children
 *
 * A child comes behind all that it stands on: a crash takes along what comes after, and nothing else.
 */
export function berylTree(endpoint: Endpoint): SupervisorOptions {
  const { presence, groups, options } = endpoint
  const { intensity, periodMs } = options.supervision
  const children: ChildInit[] = [
    { id: 'pubsub', start: ({ signal }) => endpoint.startPubSub(signal) },
    { id: 'coordinator', type: 'supervisor', start: () => endpoint.startSessions() },
  ]
  if (presence !== undefined) children.push({ id: 'presence', start: () => presence.start() })
  if (groups !== undefined) children.push({ id: 'groups', start: () => groups.start() })
  return {
    strategy: 'rest_for_one',
    intensity,
    periodMs,
    children: [...children, ...options.children],
    clock: endpoint.clock,
    report: (event) => endpoint.report(event),
  }
}
