import nodeCluster from 'node:cluster'
import { berylError } from '../ground/errors.ts'
import { section } from '../ground/option-checks.ts'
import type { PubSubAdapter } from '../pubsub/adapter.ts'
import { local } from '../pubsub/local.ts'
import { BrokerAdapter } from './broker-adapter.ts'
import { resolveBrokerOptions } from './broker-options.ts'
import { ClusterDriver } from './cluster-driver.ts'
import { role } from './cluster-role.ts'
import { ownPort } from './port.ts'

export { startWorkers, type Workers, type WorkersOptions } from './workers.ts'

/** The options of {@link cluster}. */
export interface ClusterOptions {
  /** Applications with different prefixes in the same workers do not hear each other. @default 'beryl:' */
  readonly prefix?: string | undefined
  /**
   * The primary is waited for so long at the start, in milliseconds. At least a second less than Fastify's `pluginTimeout`. Then
   * the start fails with BERYL_ERR_BROKER: the primary is not one of `startWorkers()`. @default 5000
   */
  readonly connectTimeoutMs?: number | undefined
}

/**
 * Messages between the workers of `node:cluster` on one machine, without a broker: what the option `pubsub` takes. The primary
 * relays, see {@link startWorkers}. In a process that is no worker it is what `local()` is: there is one node.
 *
 * @throws `BERYL_ERR_OPTION_INVALID`
 * @example await app.register(beryl, { pubsub: cluster() })
 */
export function cluster(options: ClusterOptions = {}): PubSubAdapter {
  const resolved = resolveBrokerOptions(
    'cluster',
    section('cluster', options, ['prefix', 'connectTimeoutMs']),
  )
  if (!nodeCluster.isWorker) return alone()
  return new BrokerAdapter(new ClusterDriver(ownPort(), resolved.prefix), resolved)
}

function alone(): PubSubAdapter {
  let isStarted = false
  return {
    ...local(),
    name: 'cluster',
    start() {
      if (role.isRelaying)
        throw berylError(
          'BERYL_ERR_CLUSTER',
          'this process is the primary of startWorkers(), which only relays: serve in the workers',
        )
      isStarted = true
      role.alone++
    },
    stop() {
      if (isStarted) role.alone--
      isStarted = false
    },
  }
}
