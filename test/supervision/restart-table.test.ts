/**
 * Strategy × restart type × exit reason × place × bystanders: who restarts, in which order, and what is counted. The tables
 * below are written out from OTP's documentation, not computed by the code under test.
 */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { ExitReason, Restart, Strategy } from '../../src/supervision/index.ts'
import { Lab } from './lab.ts'

const reasons: Readonly<Record<string, ExitReason>> = {
  normal: 'normal',
  shutdown: 'shutdown',
  '{shutdown, x}': { shutdown: 'x' },
  error: { error: new Error('boom') },
  killed: 'killed',
  noproc: 'noproc',
}

/** Which children come back, by restart type: S1 to S4. */
const comesBack: Readonly<Record<Restart, readonly string[]>> = {
  permanent: ['normal', 'shutdown', '{shutdown, x}', 'error', 'killed', 'noproc'],
  transient: ['error', 'killed', 'noproc'],
  temporary: [],
}

/** The events after the exit of one of a, b, c, d when it comes back: S19 to S21. */
const order: Readonly<Record<Strategy, Readonly<Record<string, string>>>> = {
  one_for_one: { a: '+a', b: '+b', c: '+c', d: '+d' },
  one_for_all: {
    a: '-d ~d -c ~c -b ~b +a +b +c +d',
    b: '-d ~d -c ~c -a ~a +a +b +c +d',
    c: '-d ~d -b ~b -a ~a +a +b +c +d',
    d: '-c ~c -b ~b -a ~a +a +b +c +d',
  },
  rest_for_one: {
    a: '-d ~d -c ~c -b ~b +a +b +c +d',
    b: '-d ~d -c ~c +b +c +d',
    c: '-d ~d +c +d',
    d: '+d',
  },
}

/** The restart type of the siblings. Temporary ones are stopped in the group step and gone: S22. */
const bystanders: readonly Restart[] = ['permanent', 'transient', 'temporary']
const ids = ['a', 'b', 'c', 'd'] as const
let cases = 0

function expected(
  strategy: Strategy,
  restart: Restart,
  reason: string,
  victim: string,
  sibling: Restart,
): string {
  if (!comesBack[restart].includes(reason)) return ''
  const steps = order[strategy][victim] ?? ''
  if (sibling !== 'temporary') return steps
  return steps
    .split(' ')
    .filter((step) => !step.startsWith('+') || step === `+${victim}`)
    .join(' ')
}

async function observe(
  strategy: Strategy,
  restart: Restart,
  reason: string,
  victim: string,
  sibling: Restart,
) {
  const lab = new Lab()
  const children = ids.map((id) => lab.child(id, { restart: id === victim ? restart : sibling }))
  const tree = await lab.supervise({ strategy, intensity: 1, children })
  lab.since()
  await lab.exit(victim, reasons[reason])
  const steps = lab.since().split(' ').slice(1).join(' ')
  const listed = tree.children().map(({ id, state }) => `${id} ${state}`)
  // One restart is within the intensity of 1; only if it was counted, once, does the next one trip.
  const counted = await tripsNext()
  return { steps, listed, counted }

  async function tripsNext(): Promise<boolean> {
    await tree.startChild(lab.child('late')).catch(() => undefined)
    await lab.exit('late')
    const tripped = lab.events.some(({ type }) => type === 'gave_up')
    await tree.stop()
    assert.equal(lab.clock.pending, 0, 'no timer is left')
    return tripped
  }
}

function listedAfter(
  strategy: Strategy,
  restart: Restart,
  reason: string,
  victim: string,
  sibling: Restart,
): string[] {
  const back = comesBack[restart].includes(reason)
  const first = { one_for_one: victim, one_for_all: 'a', rest_for_one: victim }[strategy]
  return ids.flatMap((id) => {
    if (id === victim) {
      if (back) return [`${id} running`]
      return restart === 'temporary' ? [] : [`${id} stopped`]
    }
    const inGroup = back && strategy !== 'one_for_one' && id >= first
    return inGroup && sibling === 'temporary' ? [] : [`${id} running`]
  })
}

for (const strategy of Object.keys(order) as Strategy[])
  for (const restart of Object.keys(comesBack) as Restart[])
    test(`S1-S6 S19-S24 ${strategy}, a ${restart} child: who restarts, in which order, what is counted`, async () => {
      for (const reason of Object.keys(reasons))
        for (const victim of ids)
          for (const sibling of bystanders) {
            const name = `${strategy} ${restart} ${reason} ${victim} among ${sibling}`
            const seen = await observe(strategy, restart, reason, victim, sibling)
            assert.equal(seen.steps, expected(strategy, restart, reason, victim, sibling), name)
            assert.deepEqual(seen.listed, listedAfter(strategy, restart, reason, victim, sibling), name)
            assert.equal(seen.counted, comesBack[restart].includes(reason), `${name}: counted`)
            cases += 1
          }
    })

test('the table holds every combination', (t) => {
  assert.equal(cases, 3 * 3 * 6 * 4 * 3)
  t.diagnostic(
    `${cases} cases: 3 strategies × 3 restart types × 6 exit reasons × 4 places × 3 kinds of siblings`,
  )
})

after(() => assert.ok(cases > 0))
