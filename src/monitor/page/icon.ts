/** The picture beside the name of the page. */
export const icon: string = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">
  <rect width="32" height="32" rx="8" fill="#0f6a62" />
  <path d="M6 21l6-8 5 4 9-9" fill="none" stroke="#fff" stroke-width="3.5"
    stroke-linecap="round" stroke-linejoin="round" />
  <circle cx="26" cy="24" r="2.5" fill="#f0b75a" />
</svg>
`;
