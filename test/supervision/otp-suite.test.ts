import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { dynamicSupervisor, startDynamicSupervisor, supervisor } from '../../src/supervision/index.ts'
import { Lab } from './lab.ts'

// The cases of OTP's supervisor_SUITE, of gleam_otp's and of Elixir's DynamicSupervisor by their names (no code of theirs is
// here): each with the numbered lines whose tests show the same, or with the reason why Node has nothing to show.

/** The numbers of docs/semantics/supervision.md that say and show it; words: why it does not apply. */
const CASES: Readonly<Record<string, string>> = {
  sup_start_normal: 'S8',
  sup_start_ignore_init: 'there is no init callback: options are a value',
  sup_start_ignore_child: 'S14',
  sup_start_ignore_temporary_child: 'S14',
  sup_start_ignore_temporary_child_start_child: 'S14 S91',
  sup_start_ignore_temporary_child_start_child_simple: 'S77',
  sup_start_ignore_permanent_child_start_child_simple: 'S77',
  sup_start_error_return: 'S10',
  sup_start_fail: 'S11',
  sup_start_child_returns_error: 'S11',
  sup_start_restart_child_returns_error: 'S68',
  sup_start_map: 'S72',
  sup_start_map_simple: 'S76',
  sup_start_map_faulty_specs: 'S9 S10',
  sup_stop_infinity: 'S49',
  sup_stop_timeout: 'S47',
  sup_stop_timeout_dynamic: 'S56',
  sup_stop_brutal_kill: 'S48',
  sup_stop_brutal_kill_dynamic: 'S92',
  sup_stop_manual: 'S54',
  sup_stop_manual_timeout: 'S47 S54',
  child_adm: 'S66 S67 S68 S69',
  child_adm_simple: 'S74 S79',
  child_specs: 'S9',
  child_specs_map: 'S9 S72',
  extra_return: 'S15',
  sup_flags: 'S10',
  permanent_normal: 'S2',
  transient_normal: 'S3',
  temporary_normal: 'S4',
  permanent_shutdown: 'S2',
  transient_shutdown: 'S3',
  temporary_shutdown: 'S4',
  faulty_application_shutdown: 'the shutdown of an application by its master: Node has neither',
  permanent_abnormal: 'S2',
  transient_abnormal: 'S3',
  temporary_abnormal: 'S4',
  temporary_bystander: 'S22 S93',
  multiple_restarts: 'S25 S28',
  one_for_one: 'S19',
  one_for_one_escalation: 'S34 S35',
  one_for_all: 'S20',
  one_for_all_escalation: 'S34 S35',
  one_for_all_other_child_fails_restart: 'S43',
  simple_one_for_one: 'S78',
  simple_one_for_one_escalation: 'S78',
  simple_one_for_one_extra: 'S76',
  simple_one_for_one_shutdown: 'S56',
  simple_one_for_one_corruption: 'the corruption of a state by an upgrade: there are no upgrades',
  rest_for_one: 'S21',
  rest_for_one_escalation: 'S34 S35',
  rest_for_one_other_child_fails_restart: 'S44',
  significant_simple: 'S65',
  nonsignificant_temporary: 'S63',
  nonsignificant_transient: 'S63',
  significant_temporary: 'S59 S61',
  significant_transient: 'S59 S60',
  significant_bystander: 'S62 S63',
  significant_escalation: 'S64',
  significant_upgrade_never_any: 'flags do not change while a supervisor runs: there are no upgrades',
  significant_upgrade_any_never: 'as above',
  significant_upgrade_never_all: 'as above',
  significant_upgrade_all_never: 'as above',
  significant_upgrade_any_all: 'as above',
  significant_upgrade_all_any: 'as above',
  significant_upgrade_child: 'as above',
  child_unlink: 'S52',
  tree: 'S85 S86',
  count_children: 'S71',
  count_children_supervisor: 'S71',
  which_children_simple_one_for_one: 'S80',
  simple_one_for_one_restart_ignore: 'S77',
  sup_start_child_returns_error_simple: 'S66',
  sup_stop_race: 'S51',
  sup_stop_non_shutdown_exit_dynamic: 'S51 S56',
  external_start_no_progress_log: 'there is no logger of its own: `report` hears events',
  count_restarting_children: 'S41 S94',
  get_callback_module: 'there is no callback module',
  do_not_save_start_parameters_for_temporary_children: 'S4 S76',
  do_not_save_child_specs_for_temporary_children: 'S4',
  simple_one_for_one_scale_many_temporary_children: 'S81',
  simple_global_supervisor: 'names are those of one process: there is no global registry',
  hanging_restart_loop: 'S39 S95',
  hanging_restart_loop_rest_for_one: 'S44 S95',
  hanging_restart_loop_simple: 'S78 S95',
  code_change: 'there is no hot upgrade of code',
  code_change_map: 'as above',
  code_change_simple: 'as above',
  code_change_simple_map: 'as above',
  order_of_children: 'S46 S70',
  scale_start_stop_many_children: 'S81',
  format_log_1: 'there is no logger of its own: `report` hears events',
  format_log_2: 'as above',
  already_started_outside_supervisor: 'S66',
  which_children: 'S70',
  which_child: 'S87',
  terminate_child_while_restarting: 'S42 S79',
  'gleam static: one_for_one, one_for_all, rest_for_one': 'S19 S20 S21',
  'gleam static: intensity': 'S28',
  'gleam factory: start_child, stop, restart': 'S74 S78',
  'elixir DynamicSupervisor: max_children': 'S75',
  'elixir DynamicSupervisor: extra_arguments': 'S76',
  'elixir DynamicSupervisor: start_child with ignore': 'S77',
  'elixir DynamicSupervisor: terminate_child': 'S79',
  'elixir DynamicSupervisor: count_children, which_children': 'S80',
  'gen_server: start, ignore, failing init, names': 'A13 A14 A20',
  'gen_server: call, cast, timeouts, late replies': 'A1 A2 A8',
  'gen_server: terminate, stop, crash': 'A6 A10 A16',
  'gen_server: hibernate, multi_call, abcast, code_change':
    'nothing to hibernate or upgrade, and nodes talk by topics',
}

function citedNumbers(): Set<string> {
  const cited = new Set<string>()
  const url = new URL('./', import.meta.url)
  for (const file of readdirSync(url).filter((name) => name.endsWith('.test.ts')))
    for (const [, title = ''] of readFileSync(new URL(file, url), 'utf8').matchAll(
      /(?:test|withScribe)\(\s*[`'"](.*)/g,
    ))
      for (const [, letter, first, last = first] of title.matchAll(/\b([SNA])(\d+)(?:-[SNA](\d+))?/g))
        for (let number = Number(first); number <= Number(last); number++) cited.add(`${letter}${number}`)
  return cited
}

const numbersOf = (told: string): string[] => (/^[SNA]\d/.test(told) ? told.split(' ') : [])

test('each case of the suites is shown by a test that cites its line, or says why it does not apply', () => {
  const cited = citedNumbers()
  for (const [name, told] of Object.entries(CASES))
    for (const number of numbersOf(told)) assert.ok(cited.has(number), `${name}: nothing cites ${number}`)
})

test('the docs give the figures of the suites', () => {
  const page = readFileSync(new URL('../../docs/semantics/supervision.md', import.meta.url), 'utf8')
  const all = Object.values(CASES)
  const shown = all.filter((told) => numbersOf(told).length > 0).length
  assert.match(
    page,
    new RegExp(`${all.length} cases, ${shown} of them apply and are shown, ${all.length - shown} do not`),
  )
})

test('S91 a temporary child that says ignore when it is added leaves nothing, and its id is free', async () => {
  const lab = new Lab()
  const tree = await lab.supervise({ children: [] })
  assert.equal(
    await tree.startChild(lab.child('a', { restart: 'temporary', starts: { 1: 'ignores' } })),
    undefined,
  )
  assert.deepEqual(tree.count(), { specs: 0, active: 0, supervisors: 0, workers: 0 })
  assert.equal(await tree.startChild(lab.child('a', { restart: 'temporary' })), lab.probe('a'))
  await tree.stop()
})

test('S92 a dynamic supervisor kills its brutal children at once while the others have their time', async () => {
  const lab = new Lab()
  const pool = await startDynamicSupervisor({ clock: lab.clock })
  await pool.startChild(lab.child('slow', { manner: 'ignores', shutdownMs: 100 }))
  await pool.startChild(lab.child('brutal', { shutdownMs: 'brutal' }))
  const stopping = pool.stop()
  await lab.clock.settle()
  assert.equal(lab.since(), '+slow +brutal -slow xbrutal')
  await lab.clock.advance(100)
  await stopping
  assert.equal(lab.since(), 'xslow')
})

for (const strategy of ['one_for_all', 'rest_for_one'] as const)
  test(`S93 a temporary bystander of a ${strategy} step is gone, and one before it in rest_for_one lives on`, async () => {
    const lab = new Lab()
    const temporary = { restart: 'temporary' } as const
    const children = [lab.child('before', temporary), lab.child('a'), lab.child('after', temporary)]
    const tree = await lab.supervise({ strategy, children })
    await lab.exit('a')
    const left = tree.children().map(({ id }) => id)
    assert.deepEqual(left, strategy === 'one_for_all' ? ['a'] : ['before', 'a'])
    await tree.stop()
  })

test('S94 children that are being restarted are counted as specs and not as active, in both kinds', async () => {
  const lab = new Lab()
  const starts = { 2: 'fails' } as const
  const tree = await lab.supervise({ intensity: 9, children: [lab.child('a', { starts }), lab.child('b')] })
  const pool = await startDynamicSupervisor({ clock: lab.clock, intensity: 9 })
  await pool.startChild(lab.child('c', { starts }))
  for (const id of ['a', 'c']) lab.probe(id).end('killed')
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(tree.count(), { specs: 2, active: 1, supervisors: 0, workers: 2 })
  assert.deepEqual(pool.count(), { specs: 1, active: 0, supervisors: 0, workers: 1 })
  await lab.clock.settle()
  assert.deepEqual([tree.count().active, pool.count().active], [2, 1])
  await Promise.all([tree.stop(), pool.stop()])
})

const always = Object.fromEntries(Array.from({ length: 200 }, (_, n) => [n + 2, 'fails' as const]))

for (const strategy of ['one_for_one', 'one_for_all', 'rest_for_one', 'dynamic'] as const)
  test(`S95 a restart that fails for ever (${strategy}) does not lock its supervisor: requests are served, and it can be stopped`, async () => {
    const lab = new Lab()
    const limits = { intensity: 1_000_000, periodMs: 1 }
    const failing = lab.child('a', { starts: always })
    const nested =
      strategy === 'dynamic'
        ? dynamicSupervisor('inner', limits)
        : supervisor('inner', { ...limits, strategy, children: [failing, lab.child('b')] })
    const tree = await lab.supervise({ children: [nested] })
    const inner = tree.which('inner') as {
      startChild: (init: unknown) => Promise<unknown>
      terminateChild: (id: unknown) => Promise<void>
    }
    const handle = strategy === 'dynamic' ? await inner.startChild(failing) : 'a'
    lab.probe('a').end('killed')
    for (let tries = 0; tries < 5; tries++) await new Promise((resolve) => setImmediate(resolve))
    await inner.startChild(lab.child('c'))
    await inner.terminateChild(handle)
    const starts = lab.startsOf('a')
    await lab.clock.settle()
    assert.equal(lab.startsOf('a'), starts, 'the next try does nothing')
    await tree.stop()
    assert.equal(lab.clock.pending, 0)
  })
