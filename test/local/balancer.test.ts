import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { WebSocket, WebSocketServer } from 'ws'
import { type Balancer, type Passing, startBalancer } from '../../infra/local/src/processes/balancer.ts'
import { freePort } from '../../infra/local/src/processes/ports.ts'

const servers: Server[] = []
const balancers: Balancer[] = []
afterEach(async () => {
  for (const { close } of balancers.splice(0)) await close()
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

async function instance(serve: RequestListener): Promise<{ readonly port: number; readonly server: Server }> {
  const server = createServer(serve).listen(0, '127.0.0.1')
  servers.push(server)
  await once(server, 'listening')
  return { port: (server.address() as AddressInfo).port, server }
}

async function balance(ports: readonly number[], watch?: (passing: Passing) => void): Promise<string> {
  const balancer = await startBalancer({ host: '127.0.0.1', port: 0, ports, watch })
  balancers.push(balancer)
  return balancer.url
}

const named = (name: string) => instance((_, res) => void res.end(name))

const textOf = async (url: string) => (await fetch(url)).text()

test('every request goes to the next instance, with its method, path, body and the address of the caller', async () => {
  const echo = (name: string) =>
    instance((req, res) => {
      const from = req.headers['x-forwarded-for']
      req.pipe(res.writeHead(201, { name, from: String(from), target: `${req.method} ${req.url}` }))
    })
  const seen: string[] = []
  const ports = [(await echo('one')).port, (await echo('two')).port]
  const url = await balance(ports, ({ instance: at, moment, target }) => void seen.push(`${at} ${moment} ${target}`))
  for (const name of ['one', 'two', 'one']) {
    const answer = await fetch(`${url}/a?b=c`, { method: 'PUT', body: 'hello' })
    expect([answer.status, answer.headers.get('name'), await answer.text()]).toEqual([201, name, 'hello'])
    expect([answer.headers.get('from'), answer.headers.get('target')]).toEqual(['127.0.0.1', 'PUT /a?b=c'])
  }
  expect(seen.slice(0, 3)).toEqual(['0 asked /a?b=c', '0 answered /a?b=c', '1 asked /a?b=c'])
})

test('an instance that is not there is passed over', async () => {
  const url = await balance([await freePort(), (await named('here')).port])
  expect(await Promise.all([textOf(url), textOf(url), textOf(url)])).toEqual(['here', 'here', 'here'])
})

test('an instance that dies with a request leaves its caller with 502, and nobody else gets the request', async () => {
  const dying = await instance((req) => req.socket.destroy())
  let others = 0
  const other = await instance((_, res) => {
    others += 1
    res.end()
  })
  const answer = await fetch(await balance([dying.port, other.port]), { method: 'POST', body: 'pay' })
  expect([answer.status, others]).toEqual([502, 0])
})

test('without any instance the answer is 502, also to an upgrade', async () => {
  const url = await balance([await freePort()])
  expect((await fetch(url)).status).toBe(502)
  const [error] = (await once(new WebSocket(url.replace('http', 'ws')), 'error')) as [Error]
  expect(error.message).toMatch(/502/)
})

test('a WebSocket is one instance’s until either side closes it', async () => {
  const rooms = await Promise.all(['one', 'two'].map(named))
  for (const [at, { server }] of rooms.entries()) {
    new WebSocketServer({ server }).on('connection', (ws) =>
      ws.on('message', (said: Buffer) => ws.send(`${at} ${said.toString()}`)),
    )
  }
  const url = (await balance(rooms.map(({ port }) => port))).replace('http', 'ws')
  for (const at of [0, 1]) {
    const ws = new WebSocket(url)
    await once(ws, 'open')
    for (const word of ['a', 'b']) {
      ws.send(word)
      expect(String((await once(ws, 'message'))[0])).toBe(`${at} ${word}`)
    }
    ws.close(1000)
    expect((await once(ws, 'close'))[0]).toBe(1000)
  }
})
