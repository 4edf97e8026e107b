// A workspace of `emulate` on the port that is given; it prints its address when it is open.
import { createEmulator } from 'emulate';

const slack = {
  team: { name: 'Others' },
  oauth_apps: [{ client_id: '1.2', client_secret: 'secret', app_id: 'A000000001', name: 'Stoa', bot_id: 'B0STOA',
    bot_user_id: 'U0STOA', bot_name: 'stoa', redirect_uris: ['http://localhost/back'],
    scopes: ['chat:write', 'im:write', 'im:history', 'users:read', 'channels:read'] }],
  tokens: [{ token: 'xoxb-emulate', type: 'bot', user_id: 'U0STOA', bot_id: 'B0STOA', bot_user_id: 'U0STOA',
    app_id: 'A000000001', client_id: '1.2' }],
};
const emulator = await createEmulator({ service: 'slack', port: Number(process.argv[2]), seed: { slack } });
console.log(`open ${emulator.url}`);
