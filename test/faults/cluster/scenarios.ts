import type { Scenario } from '../scenario.ts'
import { killedBroker, killedConnections, silentBroker } from './brokers.ts'
import { killedNode, rollingRestart, stoppedNode } from './nodes.ts'

/** Every fault of several nodes that is played, in the order of the report. */
export const clusterFaults: readonly Scenario[] = [
  killedNode,
  killedBroker,
  silentBroker,
  killedConnections,
  stoppedNode,
  rollingRestart,
]
