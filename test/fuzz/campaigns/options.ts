import Fastify from 'fastify'
import { type BerylOptions, beryl } from '../../../src/index.ts'
import type { Campaign } from '../campaign.ts'
import type { Dice } from '../dice.ts'
import { Violation } from '../judge.ts'

const PER_ROUND = 10

/** Options of the plugin, right and wrong: refused with the field, what was wanted and what came, or fit to start with. */
export const pluginOptions: Campaign = {
  name: 'plugin options',
  unit: 'objects',
  perRound: PER_ROUND,
  async round(dice) {
    const heard = new Map([['messages', PER_ROUND]])
    for (let turn = 0; turn < PER_ROUND; turn++) {
      const outcome = await start(randomOptions(dice))
      heard.set(outcome, (heard.get(outcome) ?? 0) + 1)
    }
    return heard
  },
}

async function start(options: unknown): Promise<'accepted' | 'refused'> {
  const app = Fastify()
  try {
    await app.register(beryl, options as BerylOptions)
    await app.ready()
    return 'accepted'
  } catch (error) {
    if (!isRefusal(error)) throw new Violation('options were met with an error of no name', { cause: error })
    return 'refused'
  } finally {
    await app.close()
  }
}

function isRefusal(error: unknown): boolean {
  const { code, message } = error as { code?: string; message?: string }
  if (code === 'BERYL_ERR_OPTION_INVALID') return /option '[^']+': wanted .+, got .+/s.test(message ?? '')
  return code?.startsWith('BERYL_ERR_') ?? false
}

const FIELDS = [
  'path',
  'channels',
  'connect',
  'connectionTopic',
  'checkOrigin',
  'subprotocols',
  'compression',
  'compression.mode',
  'compression.thresholdBytes',
  'longPoll',
  'longPoll.windowMs',
  'longPoll.pubsubTimeoutMs',
  'longPoll.secret',
  'presence',
  'presence.broadcastMs',
  'presence.diffMs',
  'presence.quietPeriods',
  'presence.downMs',
  'presence.permanentDownMs',
  'presence.handoffMs',
  'presence.limits',
  'presence.limits.keys',
  'presence.limits.metaBytes',
  'presence.limits.changesPerSecond',
  'presence.limits.shownKeys',
  'groups',
  'pubsub',
  'supervision',
  'supervision.intensity',
  'supervision.periodMs',
  'supervision.onGiveUp',
  'supervision.children',
  'supervision.children.strategy',
  'supervision.children.intensity',
  'supervision.children.periodMs',
  'children',
  'clock',
  'heartbeat',
  'heartbeat.intervalMs',
  'heartbeat.timeoutMs',
  'limits',
  'limits.payloadBytes',
  'limits.fragments',
  'limits.bufferedChunks',
  'limits.connections',
  'limits.connectionsPerIp',
  'limits.pendingUpgrades',
  'limits.handshakeTimeoutMs',
  'limits.channelsPerConnection',
  'limits.topicBytes',
  'limits.messages',
  'limits.messages.perSecond',
  'limits.messages.burst',
  'limits.channelMessages',
  'limits.bytesPerSecond',
  'limits.joins',
  'limits.pendingHandlers',
  'limits.joinTimeoutMs',
  'limits.mailbox',
  'limits.timers',
  'backpressure',
  'backpressure.maxBufferedBytes',
  'backpressure.stallMs',
  'backpressure.maxTotalBytes',
  'drain',
  'drain.batch',
  'drain.pauseMs',
  'drain.handlerMs',
  'drain.closeMs',
  'drain.timeoutMs',
  'unknown',
  'limits.unknown',
  'presence.unknown',
] as const

const noop = (): void => {}

/** Values that some option wants, and values that none does. */
const VALUES: readonly (() => unknown)[] = [
  () => undefined,
  () => null,
  () => true,
  () => false,
  () => 0,
  () => -0,
  () => 1,
  () => -1,
  () => 1.5,
  () => 100_000,
  () => 2 ** 31,
  () => 2 ** 53 - 1,
  () => 2 ** 53,
  () => Number.NaN,
  () => Number.POSITIVE_INFINITY,
  () => 10n,
  () => '',
  () => '5',
  () => '/socket',
  () => '/a b',
  () => 'x'.repeat(1_000),
  () => 'close',
  () => 'shared',
  () => ({ mode: 'shared', thresholdBytes: 1 }),
  () => Symbol('no option'),
  () => noop,
  () => [],
  () => [null],
  () => [{}],
  () => ['//*.example.com'],
  () => ['http://:'],
  () => ({}),
  () => Object.create(null),
  () => JSON.parse('{"__proto__":{"path":"/x"}}'),
  () => ({ constructor: null }),
  () => ({ perSecond: 5 }),
  () => ({ perSecond: '5', burst: 0 }),
  () => ({ id: 'child' }),
  () => ({ start: noop }),
  () => [{ id: 'child', start: noop, restart: 'sometimes' }],
  () => ({ start: noop, publish: noop }),
  () => ({ now: () => 0, setTimeout: noop }),
  () => new Date(0),
  () => new Map(),
  () => Promise.resolve(5),
]

function randomOptions(dice: Dice): object {
  const options = {}
  for (let field = dice.below(3); field >= 0; field--)
    assign(options, dice.pick(FIELDS).split('.'), dice.pick(VALUES)())
  return options
}

function assign(target: Record<string, unknown>, [name = '', ...rest]: string[], value: unknown): void {
  if (rest.length === 0) {
    target[name] = value
    return
  }
  const inner = target[name]
  // A field that has a value already keeps it: the two must not be one.
  if (inner !== undefined && Object.getPrototypeOf(inner ?? 0) !== Object.prototype) return
  const section = (inner ?? {}) as Record<string, unknown>
  target[name] = section
  assign(section, rest, value)
}
