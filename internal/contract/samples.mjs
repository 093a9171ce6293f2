// A Redocly plugin that adds the code samples to the calls, so that openapi.yaml does not contain
// them. A sample is the part "setup" of a file in samples/ and the part named by the operationId.
import { readFileSync } from 'node:fs';

const files = { Go: 'main.go', TypeScript: 'sample.ts', Rust: 'src/main.rs', Python: 'sample.py', curl: 'sample.sh' };

function part(text, name) {
  const [, indent, lines] = text.match(new RegExp(`^([ \\t]*)(?://|#) ${name}\\n([^]*?)\\n[ \\t]*(?://|#) end$`, 'm'));
  return lines.replaceAll(new RegExp(`^${indent}`, 'gm'), '').replaceAll('\t', '    ');
}

export default () => ({
  id: 'samples',
  decorators: {
    oas3: {
      add: () => ({
        Operation(operation) {
          if (operation.operationId === 'session-webhook') return;
          operation['x-codeSamples'] = Object.entries(files).map(([lang, file]) => {
            const text = readFileSync(new URL(`samples/${file}`, import.meta.url), 'utf8');
            return { lang, source: `${part(text, 'setup')}\n\n${part(text, operation.operationId)}` };
          });
        },
      }),
    },
  },
});
