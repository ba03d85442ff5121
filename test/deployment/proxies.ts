import { once } from 'node:events'
import { connect } from 'node:net'
import type { TestContext } from 'node:test'
import { pathOf } from '../support/need.ts'
import { Program } from './program.ts'
import type { ProxyKind } from './proxy.ts'

const PAGE_SERVERS = ['127.0.0.1:3001', '127.0.0.1:3002'] as const

function atPorts([a = 0, b = a]: readonly number[]): readonly (readonly [string, string])[] {
  return [
    [PAGE_SERVERS[0], `127.0.0.1:${a}`],
    [PAGE_SERVERS[1], `127.0.0.1:${b}`],
  ]
}

export const nginx: ProxyKind = {
  tool: 'nginx',
  file: 'nginx.conf',
  fit: ({ folder, port, cert, key }) => [
    [
      'http {',
      `http {\n  access_log off;\n  client_body_temp_path ${folder}/body;\n  proxy_temp_path ${folder}/proxy;`,
    ],
    ['worker_processes auto', 'worker_processes 1'],
    ['listen 443', `listen 127.0.0.1:${port}`],
    ['server_name example.com', 'server_name localhost'],
    ['/etc/ssl/example.com/cert.pem', cert],
    ['/etc/ssl/example.com/key.pem', key],
  ],
  servers: atPorts,
  unix: (path) => [
    [`server ${PAGE_SERVERS[0]};`, `server unix:${path};`],
    [`server ${PAGE_SERVERS[1]};`, ''],
  ],
  command: ({ folder }, file) => [
    pathOf('nginx'),
    ...['-p', folder, '-c', file, '-g', `daemon off; pid ${folder}/pid; error_log stderr notice;`],
  ],
  env: () => ({}),
  async reload(_, { program }) {
    program.signal('SIGHUP') // what `nginx -s reload` sends
    await program.line(/gracefully shutting down/)
  },
}

export const haproxy: ProxyKind = {
  tool: 'haproxy',
  file: 'haproxy.cfg',
  fit: ({ port, both }) => [
    ['bind :443', `bind 127.0.0.1:${port}`],
    ['/etc/ssl/example.com/both.pem', both],
  ],
  servers: atPorts,
  unix: (path) => [
    [`server a ${PAGE_SERVERS[0]}`, `server a unix@${path}`],
    [`server b ${PAGE_SERVERS[1]}`, ''],
  ],
  command: ({ folder }, file) => [pathOf('haproxy'), '-W', '-db', '-S', `unix@${folder}/master`, '-f', file],
  env: () => ({}),
  async reload(_, { program, place }) {
    // Its workers are up before the master hears signals: one that comes in between is lost.
    await answered(`${place.folder}/master`, 'show proc\n')
    program.signal('SIGUSR2')
    await program.line(/New worker .*forked/, 2)
    await program.line(/Loading success/, 2)
  },
}

export const caddy: ProxyKind = {
  tool: 'caddy',
  file: 'Caddyfile',
  fit: ({ folder, port, cert, key }) => [
    [
      'example.com {',
      `{\n\tadmin unix/${folder}/admin.sock\n\tauto_https disable_redirects\n}\n` +
        `localhost:${port} {\n\tbind 127.0.0.1\n\ttls ${cert} ${key}`,
    ],
  ],
  servers: atPorts,
  unix: (path) => [[`${PAGE_SERVERS[0]} ${PAGE_SERVERS[1]}`, `unix/${path}`]],
  command: (_, file) => [pathOf('caddy'), 'run', '--adapter', 'caddyfile', '--config', file],
  env: ({ folder }) => ({ XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder, HOME: folder }),
  async reload(t: TestContext, { place, file }) {
    const address = `unix/${place.folder}/admin.sock`
    const command = [
      pathOf('caddy'),
      'reload',
      '--adapter',
      'caddyfile',
      '--config',
      file,
      '--address',
      address,
    ]
    const { code } = await new Program(t, command).exited
    if (code !== 0) throw new Error('caddy reload failed')
  },
}

/** Resolves when somebody answers a question on a unix socket. */
async function answered(path: string, question: string): Promise<void> {
  for (;;) {
    const socket = connect({ path })
    socket.end(question)
    const isAnswered = await once(socket, 'data').then(
      () => true,
      () => false,
    )
    socket.destroy()
    if (isAnswered) return
  }
}
