import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Programs that some tests drive and npm does not install: where they may be, and how to get them. */
const TOOLS = {
  chromium: {
    // The shell is Chromium without a user interface of its own, whose pages take twice the CPU of those under test.
    names: ['chromium-headless-shell', 'chromium', 'chromium-browser', 'google-chrome'],
    install: 'apt-get install chromium',
  },
  firefox: { names: ['firefox-esr', 'firefox'], install: 'apt-get install firefox-esr' },
  'redis-server': { names: ['redis-server'], install: 'apt-get install redis-server' },
  nginx: { names: ['nginx'], install: 'apt-get install nginx' },
  haproxy: { names: ['haproxy'], install: 'apt-get install haproxy' },
  caddy: { names: ['caddy'], install: 'apt-get install caddy' },
  'nats-server': { names: ['nats-server'], install: 'apt-get install nats-server' },
} as const

export type Tool = keyof typeof TOOLS

/** The programs that a run is to leave out, by name: another has tried them. */
const LEFT_OUT: readonly string[] = (process.env.BERYL_TEST_WITHOUT ?? '').split(',')

/**
 * Options for a test that cannot run without some programs: it is skipped where one is missing, with a message that says
 * how to install it.
 *
 * @throws where one is missing and `CI=true`: there nothing is skipped for want of an installation.
 * @example test('two windows chat', need('chromium'), async () => { … })
 */
export function need(...tools: readonly Tool[]): { skip: string | false } {
  const leftOut = tools.filter((tool) => LEFT_OUT.includes(tool))
  if (leftOut.length > 0) return { skip: `BERYL_TEST_WITHOUT leaves out ${leftOut.join(', ')}` }
  const missing = tools.filter((tool) => find(tool) === undefined)
  if (missing.length === 0) return { skip: false }
  const message = missing.map((tool) => `${tool} is missing: ${TOOLS[tool].install}`).join('; ')
  if (process.env.CI === 'true') throw new Error(message)
  return { skip: message }
}

/** The path of a program. @throws where it is missing: guard the test with {@link need}. */
export function pathOf(tool: Tool): string {
  const path = find(tool)
  if (path === undefined) throw new Error(`${tool} is missing: ${TOOLS[tool].install}`)
  return path
}

function find(tool: Tool): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/bin', '/usr/sbin', '/usr/local/bin']
  return folders
    .flatMap((folder) => TOOLS[tool].names.map((name) => join(folder, name)))
    .find((path) => isExecutable(path))
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
