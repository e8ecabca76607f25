// page.py puts style files into the page as text.
declare module "*.css" {
  const text: string;
  export default text;
}
