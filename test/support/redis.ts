import { connect } from 'node:net'
import { Broker, freePort } from './broker.ts'

/** A redis-server of the test's own. */
export class RedisServer extends Broker {
  readonly #config: readonly string[]

  private constructor(port: number, config: readonly string[]) {
    super('redis-server', port)
    this.#config = config
  }

  /** @param config further lines of redis.conf; `PORT` stands for its port */
  static async start(...config: string[]): Promise<RedisServer> {
    const server = new RedisServer(await freePort(), config)
    await server.start()
    return server
  }

  override get url(): string {
    return `redis://127.0.0.1:${this.port}`
  }

  /** One command by hand, and what came back. */
  async command(text: string): Promise<string> {
    const socket = connect(this.port, '127.0.0.1')
    socket.setEncoding('utf8')
    socket.write(`${text}\r\nQUIT\r\n`)
    let answer = ''
    for await (const chunk of socket) answer += chunk
    return answer
  }

  protected override configuration(folder: string): readonly string[] {
    const own = this.#config.map((line) => line.replaceAll('PORT', String(this.port)))
    const port = own.some((line) => line.startsWith('port ')) ? [] : [`port ${this.port}`]
    return ['bind 127.0.0.1', ...port, 'save ""', 'appendonly no', `dir ${folder}`, ...own]
  }

  protected override argumentsFor(file: string): readonly string[] {
    return [file]
  }
}
