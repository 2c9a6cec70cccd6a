export { fileVault } from './file-vault.ts'
