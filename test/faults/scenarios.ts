import type { Scenario } from './scenario.ts'
import { clockJumps } from './scenarios/clock-jumps.ts'
import { fewDescriptors, rush } from './scenarios/crowds.ts'
import { bigHeads, halfUpgrades, resets } from './scenarios/doors.ts'
import { joinFlood, messageFlood } from './scenarios/floods.ts'
import { nonReaders } from './scenarios/slow-readers.ts'
import { blockedLoop, blockedReader, blockedWriter, deafClose } from './scenarios/stalls.ts'

/** Every fault that is played, in the order of the report. */
export const faults: readonly Scenario[] = [
  nonReaders,
  messageFlood,
  joinFlood,
  rush,
  fewDescriptors,
  blockedLoop,
  blockedReader,
  blockedWriter,
  deafClose,
  resets,
  halfUpgrades,
  bigHeads,
  clockJumps,
]
