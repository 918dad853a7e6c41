// A user with a browser without scripts: follows redirects, keeps cookies, fills in forms.

/**
 * Opens pages until one has no form.
 *
 * @param url the first page.
 * @param press what to do with a form, by the name of its prompt: 'submit' or 'cancel'.
 * @returns URL, status and text of the last page, and the prompts that were shown.
 */
export async function walk(url, press = {}) {
  const jar = new Map();
  const prompts = [];
  let form;
  for (let step = 0; step < 20; step += 1) {
    const { origin } = new URL(url);
    const cookies = [...jar].filter(([key]) => key.startsWith(origin));
    const headers = { cookie: cookies.map(([key, value]) => `${key.split(' ')[1]}=${value}`).join('; ') };
    const response = await fetch(url, { headers, redirect: 'manual', ...form });
    form = undefined;
    for (const cookie of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie);
      jar.set(`${origin} ${name}`, value);
    }
    const page = await response.text();
    const location = response.headers.get('location');
    const prompt = /name="prompt" value="(\w+)"/.exec(page)?.[1];
    if (location) {
      url = new URL(location, url).href;
    } else if (!prompt) {
      return { url, status: response.status, text: visible(page), prompts };
    } else if (press[prompt] === 'cancel') {
      prompts.push(prompt);
      url = new URL(/href="([^"]*\/abort)"/.exec(page)[1], url).href;
    } else {
      prompts.push(prompt);
      url = new URL(/action="([^"]*)"/.exec(page)[1], url).href;
      form = { method: 'POST', body: new URLSearchParams({ prompt, login: 'ada', password: 'any' }) };
    }
  }
  throw new Error(`more than 20 pages: ${prompts}`);
}

function visible(page) {
  const body = page.replace(/<(style|title)[\s\S]*?<\/\1>/g, '');
  return body.replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ').trim();
}
