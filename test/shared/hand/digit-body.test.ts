/** Tests the forms of `POST /hand` with the bytes that real clients send. */
import { PNG } from 'pngjs';
import { describe, expect, it } from 'vitest';
import { openDigits } from '../../../shared/hand/digit-body.ts';

/** A picture with bytes that are no UTF-8. Its width tells it from others. */
function drawPicture(width: number): string {
  const png = new PNG({ width, height: 2 });
  png.data.fill(255);
  return PNG.sync.write(png).toString('latin1');
}

/** @param body  A character for each byte. */
const open = (boundary: string, body: string) =>
  openDigits(Buffer.from(body, 'latin1'), `multipart/form-data; boundary=${boundary}`, 3).map(
    ({ label, file }) => [label, file.width],
  );

const [THREE, FOUR] = [drawPicture(3), drawPicture(4)];

describe('a form', () => {
  it.each([
    [
      'curl, from files: one as a file and one as a text',
      '------------------------5a0988a32eefcc58',
      `--------------------------5a0988a32eefcc58\r\nContent-Disposition: form-data; name="picture"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n${THREE}\r\n--------------------------5a0988a32eefcc58\r\nContent-Disposition: form-data; name="7"\r\nContent-Type: image/png\r\n\r\n${FOUR}\r\n--------------------------5a0988a32eefcc58--\r\n`,
      [undefined, '7'],
    ],
    [
      'requests, with and without a file name',
      'a6ad083e7e15586bfd01562f73bafbd2',
      `--a6ad083e7e15586bfd01562f73bafbd2\r\nContent-Disposition: form-data; name="7"\r\n\r\n${THREE}\r\n--a6ad083e7e15586bfd01562f73bafbd2\r\nContent-Disposition: form-data; name="\u00c3\u00a9"; filename="a.png"\r\n\r\n${FOUR}\r\n--a6ad083e7e15586bfd01562f73bafbd2--\r\n`,
      ['7', 'é'],
    ],
    [
      'Go, CreateFormField and CreateFormFile',
      '340c3c7a06d657b53d727b4f288b494d0b4588a7848136ca8e304208544d',
      `--340c3c7a06d657b53d727b4f288b494d0b4588a7848136ca8e304208544d\r\nContent-Disposition: form-data; name="7"\r\n\r\n${THREE}\r\n--340c3c7a06d657b53d727b4f288b494d0b4588a7848136ca8e304208544d\r\nContent-Disposition: form-data; name="picture"; filename="a.png"\r\nContent-Type: application/octet-stream\r\n\r\n${FOUR}\r\n--340c3c7a06d657b53d727b4f288b494d0b4588a7848136ca8e304208544d--\r\n`,
      ['7', undefined],
    ],
    [
      'C#, MultipartFormDataContent',
      '"0b5a7c1e-93a5-4d86-9b2e-6f0f0c2b8a11"',
      `--0b5a7c1e-93a5-4d86-9b2e-6f0f0c2b8a11\r\nContent-Disposition: form-data; name=7\r\n\r\n${THREE}\r\n--0b5a7c1e-93a5-4d86-9b2e-6f0f0c2b8a11\r\nContent-Type: image/png\r\nContent-Disposition: form-data; name=picture; filename=a.png; filename*=utf-8''a.png\r\n\r\n${FOUR}\r\n--0b5a7c1e-93a5-4d86-9b2e-6f0f0c2b8a11--\r\n`,
      ['7', undefined],
    ],
    [
      'Ktor, with the longest boundary',
      'f'.repeat(70),
      `--${'f'.repeat(70)}\r\nContent-Disposition: form-data; name=7; filename=a.png\r\nContent-Type: image/png\r\nContent-Length: 77\r\n\r\n${THREE}\r\n--${'f'.repeat(70)}--\r\n`,
      ['7'],
    ],
    [
      'a browser, with a quotation mark in the name',
      '----WebKitFormBoundary7MA4YWxkTrZu0gW',
      `------WebKitFormBoundary7MA4YWxkTrZu0gW\r\nContent-Disposition: form-data; name="a%22"; filename="b; name=c.png"\r\nContent-Type: image/png\r\n\r\n${THREE}\r\n------WebKitFormBoundary7MA4YWxkTrZu0gW--\r\n`,
      ['a"'],
    ],
    [
      'other programs: text around the form, other spaces and another order',
      'x; charset=utf-8',
      `text\r\n--x \r\ncontent-disposition:form-data;filename="a; name=\\"9\\".png";NAME="7"\r\n\r\n${THREE}\r\n--x--\r\ntext\r\n--x`,
      ['7'],
    ],
    [
      'other programs, which begin with an empty line',
      'x',
      `\r\n--x\r\nContent-Disposition: form-data; name="7"\r\n\r\n${THREE}\r\n--x--`,
      ['7'],
    ],
  ])('of %s is split', (_, boundary, body, labels) => {
    expect(open(boundary, body)).toEqual(labels.map((label, i) => [label, 3 + i]));
  });

  it.each([
    ['x', '', 'its last boundary is missing'],
    ['x', `--x\r\nContent-Disposition: form-data; name=7\r\n\r\n${THREE}`, 'its last boundary is'],
    ['y'.repeat(71), `--${'y'.repeat(71)}--`, 'its Content-Type has no boundary of'],
    ['', '--x--', 'its Content-Type has no boundary of'],
    ['x', `--x\r\nContent-Disposition: form-data\r\n\r\n${THREE}\r\n--x--`, 'part 1 has no name'],
    ['x', `--x\r\nContent-Disposition: form-data; name=7\r\n--x--`, 'part 1 has no name'],
    ['x', '--x--\r\n', 'holds 0 pictures, 1 to 3 are allowed'],
    ['x', `${'--x\r\n\r\n\r\n'.repeat(4)}--x--`, 'holds 4 pictures, 1 to 3 are allowed'],
  ])('with boundary %s and body %j is refused', (boundary, body, message) => {
    expect(() => open(boundary, body)).toThrow(message);
  });
});
