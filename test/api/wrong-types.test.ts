import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { exported, methodsOf } from './functions.ts'
import type { Row } from './rows.ts'
import { type Stage, stage } from './stage.ts'
import { rowsOf } from './table.ts'
import { VALUES } from './values.ts'

// The server's own API trusts no types: every public function is called with every kind of value in the place of each of its
// arguments, with too few of them and with too many. It takes the value, where that is right, or it refuses it with an error
// that says which argument, what was wanted and what came; then nothing has changed.

let here: Stage
const unhandled: unknown[] = []
const onUnhandled = (error: unknown): void => void unhandled.push(error)

before(async () => {
  process.on('unhandledRejection', onUnhandled)
  here = await stage()
})

after(async () => {
  await here.end()
  process.off('unhandledRejection', onUnhandled)
})

test('every public function is asked: exports, their statics, and the methods of every handle', () => {
  const rows = rowsOf(here)
  const functions = everyFunction()
  assert.deepEqual(
    [...functions.keys()].filter((name) => !Object.hasOwn(rows, name)),
    [],
    'functions without a row',
  )
  assert.deepEqual(
    Object.keys(rows).filter((name) => !functions.has(name)),
    [],
    'rows without a function',
  )
  assert.ok(functions.size > 100, `${functions.size}`)
})

test('a public function takes a value or refuses it with a code, the argument, what was wanted and what came, and changes nothing', async (t) => {
  const functions = everyFunction()
  const wrong: string[] = []
  let calls = 0
  for (const [name, row] of Object.entries(rowsOf(here))) {
    if ('why' in row) continue
    const call = row.call ?? callOn(functions.get(name), name)
    for (const [what, args, isLegal] of callsOf(row)) {
      if (isLegal && row.refusalsOnly) continue
      calls++
      const said = await judge(row, call, args, isLegal)
      if (said !== undefined) wrong.push(`${name}(${what}) ${said}`)
    }
  }
  assert.deepEqual(wrong, [])
  t.diagnostic(`${calls} calls of ${functions.size} functions`)
})

test('no call leaves an unhandled rejection or a crash behind', async () => {
  await here.settle()
  assert.deepEqual(unhandled, [])
  assert.deepEqual(here.crashes, [])
})

function everyFunction(): Map<string, object> {
  const found = exported()
  for (const [name, handle] of Object.entries(here.handles)) {
    for (const [method, holder] of methodsOf(name, handle)) found.set(method, holder)
  }
  return found
}

type Call = (...args: readonly unknown[]) => unknown

function callOn(holder: object | undefined, name: string): Call {
  const method = name.slice(name.lastIndexOf('.') + 1)
  return (...args) => Reflect.apply(Reflect.get(holder as object, method) as Call, holder, args)
}

/** Every value in the place of every argument, too few arguments, and too many. */
function* callsOf({
  args,
  legal,
}: Row): Generator<[what: string, args: readonly unknown[], isLegal: boolean]> {
  for (const [position, names] of legal.entries()) {
    for (const [name, make] of Object.entries(VALUES)) {
      yield [`argument ${position}: ${name}`, args().with(position, make()), names.includes(name)]
    }
  }
  for (let count = 0; count < legal.length; count++) {
    const missing = legal.slice(count)
    yield [
      `${count} arguments`,
      args().slice(0, count),
      missing.every((names) => names.includes('undefined')),
    ]
  }
  yield ['too many arguments', [...args(), {}, 1, null], true]
}

async function judge(
  row: Row,
  call: Call,
  args: readonly unknown[],
  isLegal: boolean,
): Promise<string | undefined> {
  const before = here.snapshot()
  try {
    const result = await call(...args)
    await row.undo?.(result)
    if (!isLegal) return 'took it'
  } catch (error) {
    if (isLegal) return isHonest(error) ? undefined : `refused what is right: ${said(error)}`
    if (!isRefusal(error)) return `refused it so: ${said(error)}`
  }
  const now = here.snapshot()
  if (now !== before) return `changed something: ${before} became ${now}`
  return undefined
}

/** An expectation of the testing kit that was right, and in vain; a topic that nobody serves. */
function isHonest(error: unknown): boolean {
  const { code = '', name = '' } = error as { code?: string; name?: string }
  return (
    code === 'ERR_ASSERTION' || name === 'JoinRefused' || name === 'ConnectRefused' || STATES.includes(code)
  )
}

/** Right arguments, at the wrong time. */
const STATES = [
  'BERYL_ERR_TOPIC_UNMATCHED',
  'BERYL_ERR_GROUP_NOT_FOUND',
  'BERYL_ERR_CHILD_NOT_FOUND',
  'BERYL_ERR_START_FAILED',
  'BERYL_ERR_NOPROC',
  'BERYL_ERR_PRESENCE_NOT_TRACKED',
]

const REFUSAL =
  /wanted .+, got .|does not declare .+ \(declared: |does not fit its schema: .|has no child |there is no group |no channel is registered|failed to start: |the limit '.+' of \d+ is reached/s

function isRefusal(error: unknown): boolean {
  const { code = '', message = '' } = (error ?? {}) as { code?: string; message?: string }
  return code.startsWith('BERYL_ERR_') && REFUSAL.test(message)
}

function said(error: unknown): string {
  return error instanceof Error
    ? `${error.name} ${(error as { code?: string }).code ?? ''} ${error.message.slice(0, 160)}`
    : typeof error
}
