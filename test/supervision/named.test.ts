import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  Actor,
  currentSupervisor,
  dynamicSupervisor,
  type SpecPool,
  type StartContext,
  startDynamicSupervisor,
  startSupervisor,
  supervise,
  supervisor,
} from '../../src/supervision/index.ts'
import { Lab } from './lab.ts'

class Counter extends Actor {
  override init(_from: number): void {}
}

test('S83 currentSupervisor finds a dynamic supervisor by its name, alone and nested, while it lives', async () => {
  const lab = new Lab()
  const alone = await startDynamicSupervisor({ clock: lab.clock, name: 'alone' })
  assert.equal(currentSupervisor<SpecPool>('alone'), alone)
  const tree = await lab.supervise({
    children: [dynamicSupervisor('pool', { name: 'pool' }), supervisor('sub', { name: 'sub' })],
  })
  assert.equal(currentSupervisor<SpecPool>('pool'), tree.which('pool'))
  assert.equal(currentSupervisor('sub'), tree.which('sub'))
  await Promise.all([alone.stop(), tree.stop()])
  for (const name of ['alone', 'pool', 'sub']) assert.equal(currentSupervisor(name), undefined)
})

test('S83 supervise starts, or gives the running one, also of a dynamic supervisor of actors, of a template and of specs', async () => {
  const lab = new Lab()
  const counters = { name: 'counters', child: Counter, clock: lab.clock }
  const [one, same] = await Promise.all([supervise(counters), supervise(counters)])
  assert.equal(one, same)
  await one.startChild(5)
  const alike = { name: 'alike', child: { start: (_: StartContext, id: string) => lab.child(id).start(_) } }
  const template = await supervise({ ...alike, clock: lab.clock })
  assert.equal(await supervise(alike), template)
  await template.startChild('a')
  const specs = await supervise({ name: 'specs', maxChildren: Number.POSITIVE_INFINITY, clock: lab.clock })
  assert.equal(await supervise({ name: 'specs', maxChildren: 10 }), specs)
  await specs.startChild(lab.child('b'))
  assert.equal(lab.since(), '+a +b')
  await Promise.all([one.stop(), template.stop(), specs.stop()])
})

test('S83 a second supervise waits for the start that is under way, and gives what it came to', async () => {
  const lab = new Lab()
  const options = () => ({ clock: lab.clock, name: 'only', children: [lab.gated('a')] })
  const first = supervise(options())
  const second = supervise(options())
  let given = false
  void second.then(() => {
    given = true
  })
  await lab.clock.settle()
  assert.equal(given, false, 'its children are not up yet')
  lab.open('a')
  assert.equal(await second, await first)
  assert.equal((await second).which('a'), lab.probe('a'))
  assert.equal(lab.startsOf('a'), 1)
  await (await first).stop()
})

test('S83 if the start that is under way fails, the one who waited for it starts its own', async () => {
  const lab = new Lab()
  const options = () => ({
    clock: lab.clock,
    name: 'only',
    children: [lab.gated('a', { starts: { 1: 'fails' } })],
  })
  const [first, second, third] = [supervise(options()), supervise(options()), supervise(options())]
  const failed = assert.rejects(first, /'only\/a' failed to start/)
  await lab.clock.settle()
  lab.open('a')
  await failed
  await lab.clock.settle()
  lab.open('a')
  assert.equal(await second, await third)
  assert.equal(lab.startsOf('a'), 2)
  await (await second).stop()
})

test('S83 a supervise that comes while the holder of the name stops starts a new one after its end', async () => {
  const lab = new Lab()
  const children = [lab.child('a', { manner: 'ignores', shutdownMs: 10 })]
  const old = await supervise({ clock: lab.clock, name: 'only', children })
  const stopping = old.stop()
  const next = supervise({ clock: lab.clock, name: 'only', children: [lab.child('b')] })
  await lab.clock.settle()
  assert.equal(lab.since(), '+a -a', 'the old one holds the name until it has ended')
  await lab.clock.advance(10)
  await stopping
  assert.notEqual(await next, old)
  assert.equal((await next).which('b'), lab.probe('b'))
  await (await next).stop()
})

test('S83 a name that something of another kind holds is refused', async () => {
  const lab = new Lab()
  const taken = { code: 'BERYL_ERR_ALREADY_STARTED' }
  const pool = await startDynamicSupervisor({ name: 'taken' })
  await assert.rejects(supervise({ name: 'taken', children: [] }), taken)
  await pool.stop()
  const tree = await startSupervisor({ name: 'taken', children: [] })
  await assert.rejects(supervise({ name: 'taken', maxChildren: 1 }), taken)
  await tree.stop()
  const actors = await lab.supervise({ children: [Counter.spec({ id: 'c', name: 'taken', args: [1] })] })
  await assert.rejects(supervise({ name: 'taken', children: [] }), taken)
  assert.equal(currentSupervisor('taken'), undefined)
  await actors.stop()
})
