import { ConfigError, envFlag, envJson, envList, envPort, envUrl, readConfig } from '@tandem/service'
import { z } from 'zod'

const schema = z.object({
  PORT: envPort.default(8080).meta({ description: 'where devices connect', example: '8080' }),
  KMS_KEY: z.string().meta({ description: 'the key that wraps data keys', example: 'projects/p/…' }),
  CHAIN_URL: envUrl('http', 'https').meta({ example: 'http://127.0.0.1:8545' }),
  HOSTS: envList.default(['localhost']),
  UNSAFE: envFlag.default(false),
})

function messageOf(env: Record<string, string>): string {
  try {
    readConfig(schema, env)
    return ''
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError)
    return (error as Error).message
  }
}

const complete = { KMS_KEY: 'k', CHAIN_URL: 'https://rpc.example' }

test('reads typed values, with defaults, and nothing that the schema does not name', () => {
  expect(readConfig(schema, { ...complete, PORT: '9000', HOSTS: 'a, b,', HOME: '/x', UNSAFE: 'true' })).toEqual({
    PORT: 9000,
    KMS_KEY: 'k',
    CHAIN_URL: 'https://rpc.example',
    HOSTS: ['a', 'b'],
    UNSAFE: true,
  })
})

test('names every variable that is missing or wrong, what it is for, and an example', () => {
  const message = messageOf({ PORT: 'eighty', UNSAFE: 'yes' })
  expect(message).toContain('PORT: a port number (where devices connect), for example PORT=8080')
  expect(message).toContain('KMS_KEY: is not set (the key that wraps data keys), for example KMS_KEY=projects/p/…')
  expect(message).toContain('CHAIN_URL: is not set, for example CHAIN_URL=http://127.0.0.1:8545')
  expect(message).toContain('UNSAFE')
})

test('never shows a value', () => {
  const message = messageOf({ PORT: 'hunter2', CHAIN_URL: 'ftp://user:hunter2@x', UNSAFE: 'hunter2', KMS_KEY: 'k' })
  expect(message).not.toContain('hunter2')
  expect(message).toContain('CHAIN_URL: a URL starting with http:// or https://')
})

test('takes an empty variable for unset', () => {
  expect(messageOf({ ...complete, KMS_KEY: '' })).toContain('KMS_KEY: is not set')
  expect(readConfig(schema, { ...complete, PORT: '' }).PORT).toBe(8080)
})

test.each(['65536', '-1', '80a', '1e3'])('%s is no port', (PORT) => {
  expect(messageOf({ ...complete, PORT })).toContain('PORT')
})

test('reads JSON of a given shape', () => {
  const shape = z.object({ KEYS: envJson(z.array(z.string())).meta({ example: '["a"]' }) })
  expect(readConfig(shape, { KEYS: '["a"]' }).KEYS).toEqual(['a'])
  expect(() => readConfig(shape, { KEYS: '{' })).toThrow('KEYS: not JSON')
  expect(() => readConfig(shape, { KEYS: '[1]' })).toThrow('KEYS')
})
