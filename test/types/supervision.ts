/** Code about supervision that must compile, and code that must not. Checked by `npm run typecheck`; never run. */
import {
  Actor,
  type ActorRef,
  cast,
  currentSupervisor,
  dynamicSupervisor,
  isSupervisor,
  type Process,
  type SpecPool,
  type Supervisor,
  startDynamicSupervisor,
  startSupervisor,
  supervise,
  supervisor,
  type WorkerContext,
  type WorkerProcess,
  worker,
} from '../../src/supervision/index.ts'

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <A, B>(..._proof: Same<A, B> extends true ? [] : ['these types differ', A, B]): void => {}

class Counter extends Actor {
  override init(_from: number): void {}
  increment(by = 1): number {
    return by
  }
  async load(): Promise<{ rows: string[] }> {
    return { rows: [] }
  }
  wait() {
    return this.context.later(Promise.resolve('later'))
  }
  protected inner(): void {}
}

class Maybe extends Actor {
  override init(): 'ignore' | undefined {
    return 'ignore'
  }
}

export async function handlesAreInferred(): Promise<void> {
  const tree = await startSupervisor({
    children: [
      worker('plain', async () => {}),
      worker('feed', async ({ ready }: WorkerContext<Date>) => ready(new Date())),
      Counter.spec({ id: 'counter', args: [0] }),
      supervisor('sub', { children: [Counter.spec({ id: 'inner', args: [1] })] }),
      dynamicSupervisor('pool', { child: Counter }),
    ],
  })
  const feed = tree.which('feed')
  same<typeof feed, Date | undefined>()
  const counter = tree.which('counter')
  same<typeof counter, ActorRef<Counter> | undefined>()
  const inner = tree.which('sub')?.which('inner')
  same<typeof inner, ActorRef<Counter> | undefined>()
  const pooled = await tree.which('pool')?.startChild(5)
  same<typeof pooled, ActorRef<Counter> | undefined>()
  const unknown = tree.which('somebody else')
  same<typeof unknown, unknown>()
  const whole: Supervisor = tree
  await whole.stop()
}

class Cache extends Actor {
  static override readonly name = 'Cache'
  read(): string {
    return ''
  }
}

class Log extends Actor {
  write(_line: string): void {}
}

export async function anIdMayBeTheNameOfTheClass(): Promise<void> {
  const tree = await startSupervisor({
    children: [Cache.spec(), Log.spec({ restart: 'transient' }), worker('feed', async () => {})],
  })
  const cache = tree.which('Cache')
  same<typeof cache, ActorRef<Cache> | undefined>()
  const log = tree.which('Log')
  same<typeof log, ActorRef<Log> | undefined>()
  const later = tree.which('added later')
  same<typeof later, unknown>()
  const again = await tree.restartChild('Log')
  same<typeof again, ActorRef<Log> | undefined>()
}

export async function superviseGivesWhatTheOptionsSay(child: typeof Counter): Promise<void> {
  const tree = await supervise({ name: 'tree', children: [worker('feed', async () => {}), Log.spec()] })
  const log = tree.which('Log')
  same<typeof log, ActorRef<Log> | undefined>()
  const counters = await supervise({ name: 'counters', child })
  const counter = await counters.startChild(5)
  same<typeof counter, ActorRef<Counter>>()
  const pool = await supervise({ name: 'pool', maxChildren: Number.POSITIVE_INFINITY })
  same<typeof pool, SpecPool>()
  const found = currentSupervisor<SpecPool>('pool')
  same<typeof found, SpecPool | undefined>()
  const some: unknown = tree.which('somebody')
  if (isSupervisor(some)) await some.stop()
  // @ts-expect-error without a name it cannot be found again
  await supervise({ children: [] })
  // @ts-expect-error either children or a child
  await supervise({ name: 'both', children: [], child })
}

export async function methodsBecomeCalls(ref: ActorRef<Counter>): Promise<void> {
  const count = ref.increment(2)
  same<typeof count, Promise<number>>()
  const rows = ref.load()
  same<typeof rows, Promise<{ rows: string[] }>>()
  const later = ref.wait()
  same<typeof later, Promise<string>>()
  const nothing = cast(ref).increment(2)
  same<typeof nothing, void>()
  // @ts-expect-error a wrong argument
  await ref.increment('2')
  // @ts-expect-error init is no call
  ref.init
  // @ts-expect-error a protected method is no call
  ref.inner
}

export async function startsAreChecked(): Promise<void> {
  // @ts-expect-error init wants a number
  Counter.spec({ id: 'a', args: ['0'] })
  // @ts-expect-error init wants an argument
  Counter.spec({ id: 'a' })
  // @ts-expect-error there is no such restart type
  worker('a', async () => {}, { restart: 'always' })
  // @ts-expect-error there is no such option
  await startSupervisor({ strategy: 'one_for_all', intensty: 3, children: [] })
  const pool = await startDynamicSupervisor({
    child: { start: (_context, _room: string): Process => ({}) as Process },
  })
  // @ts-expect-error the template wants a string
  await pool.startChild(5)
  const specs = await startDynamicSupervisor()
  const plain = await specs.startChild(worker('a', async (_context: WorkerContext<Date>) => {}))
  same<typeof plain, Date>()
  const maybe = await specs.startChild(Maybe.spec({}))
  same<typeof maybe, ActorRef<Maybe> | undefined>()
  const process: WorkerProcess<unknown> | undefined = undefined
  return process
}
