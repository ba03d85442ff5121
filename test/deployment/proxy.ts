import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { Tool } from '../support/need.ts'
import { tls } from '../support/tls.ts'
import { fileOfPage, fitted, withoutLines } from './page.ts'
import { Program } from './program.ts'
import { freePort } from './server.ts'

/** The places of a machine that a configuration names. */
export interface Place {
  readonly folder: string
  readonly port: number
  /** Certificate and key, and both in one. */
  readonly cert: string
  readonly key: string
  readonly both: string
}

type Replacement = readonly [from: string, to: string]

/** One program that stands in front of servers, and how the tests start it with the file of the page. */
export interface ProxyKind {
  readonly tool: Tool
  /** The name of the file on the page. */
  readonly file: string
  /** The replacements for the machine's own part of the file. */
  fit(place: Place): readonly Replacement[]
  /** The replacements for two servers. */
  servers(ports: readonly number[]): readonly Replacement[]
  /** The replacements for one server on a unix socket. */
  unix(path: string): readonly Replacement[]
  /** Runs in the foreground until SIGTERM. */
  command(place: Place, file: string): readonly string[]
  env(place: Place): NodeJS.ProcessEnv
  /** Loads the file again; resolves when new clients come to what it says. */
  reload(t: TestContext, proxy: RunningProxy): Promise<void>
}

/** A running proxy. */
export class RunningProxy {
  readonly place: Place
  readonly program: Program
  readonly file: string
  readonly #kind: ProxyKind

  private constructor(kind: ProxyKind, place: Place, program: Program, file: string) {
    this.#kind = kind
    this.place = place
    this.program = program
    this.file = file
  }

  /**
   * @param changes What this test has otherwise than the page: its servers, its times.
   * @param left Lines of the page that are left out.
   */
  static async start(
    t: TestContext,
    kind: ProxyKind,
    { changes, left = [] }: { readonly changes: readonly Replacement[]; readonly left?: readonly RegExp[] },
  ): Promise<RunningProxy> {
    const place = await placeFor()
    const file = join(place.folder, kind.file)
    const page = withoutLines(fileOfPage(kind.file), left)
    writeFileSync(file, fitted(page, [...kind.fit(place), ...changes]))
    const program = new Program(t, kind.command(place, file), { env: kind.env(place), end: 'SIGTERM' })
    await reachable(place.port, program)
    return new RunningProxy(kind, place, program, file)
  }

  /** The address of the socket, and the origin of a page of this host. */
  get url(): string {
    return `wss://localhost:${this.place.port}/socket`
  }

  get origin(): string {
    return `https://localhost:${this.place.port}`
  }

  async reload(t: TestContext, changes: readonly Replacement[]): Promise<void> {
    writeFileSync(this.file, fitted(fileOfPage(this.#kind.file), [...this.#kind.fit(this.place), ...changes]))
    await this.#kind.reload(t, this)
  }
}

async function placeFor(): Promise<Place> {
  const folder = temporaryFolder()
  const place = {
    folder,
    port: await freePort(),
    cert: join(folder, 'cert.pem'),
    key: join(folder, 'key.pem'),
    both: join(folder, 'both.pem'),
  }
  writeFileSync(place.cert, tls.cert)
  writeFileSync(place.key, tls.key)
  writeFileSync(place.both, tls.cert + tls.key)
  return place
}

/** They go with the process: programs still write into them while they end. */
const folders = mkdtempSync(join(tmpdir(), 'beryl-'))
process.once('exit', () => rmSync(folders, { recursive: true, force: true }))

/** A folder with a name short enough for a unix socket in it, which other users may enter: nginx's workers are some. */
export function temporaryFolder(): string {
  chmodSync(folders, 0o755)
  const folder = mkdtempSync(join(folders, '-'))
  chmodSync(folder, 0o755)
  return folder
}

async function reachable(port: number, program: Program): Promise<void> {
  for (;;) {
    const socket = connect({ port, host: '127.0.0.1' })
    const isOpen = await once(socket, 'connect').then(
      () => true,
      () => false,
    )
    socket.destroy()
    if (isOpen) return
    if (!program.isRunning) throw new Error(`it does not run:\n${program.output}`)
  }
}
