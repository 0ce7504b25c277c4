import type { Random } from "./random.ts";

const FIRST =
  "Ada Aisha Akira Alma Amir Ana Anders Anita Aroha Bea Bilal Carla Chidi Chloe Dalia Daniel Deniz Diego Edda Elif Emil Esra Eva Farid Femi Finn Freya Gita Goran Hana Hugo Ibrahim Ida Ines Ivan Jack Jamal Jana Joon Jules Kaito Kamala Karin Kofi Lea Leila Liam Lin Luca Maja Malik Marta Mei Mina Nadia Nils Noor Olga Omar Otto Paula Priya Rafael Rana Rosa Sami Sara Sven Tara Tariq Theo Tomas Uma Vera Wei Yara Yusuf Zoe".split(
    " ",
  );

const LAST =
  "Adeyemi Ahmed Almeida Andersen Bauer Becker Berg Bianchi Castro Chen Cohen Costa Diaz Dubois Eriksen Farah Fischer Fuchs Garcia Gupta Haddad Hansen Hoang Horvat Ito Ivanova Jansen Johnson Kaya Keller Khan Kim Kovac Kumar Larsen Lehmann Lopez Mbeki Meyer Mishra Moreau Mori Murphy Nakamura Nguyen Nowak Okafor Olsen Ortiz Park Patel Petrov Popescu Rahman Rossi Sato Schmidt Silva Singh Sousa Suzuki Tanaka Tran Usman Varga Virtanen Walker Weber Wong Yilmaz Zhang".split(
    " ",
  );

const DOES = [
  "Writes about {1} and {2}.",
  "Spends the day on {1}, the evening on {2}.",
  "Learning {1} in public.",
  "Ten years of {1}, still surprised every week.",
  "Former teacher, now mostly {1}.",
  "{1}, {2} and too much coffee.",
  "Keeps notes on {1} so that you do not have to.",
];

/** A made-up person; `number` tells people of the same name apart. */
export function person(random: Random, number: number, subjects: readonly string[]) {
  const username = `${random.pick(FIRST)}-${random.pick(LAST)}-${number.toString(36)}`.toLowerCase();
  const bio = random
    .pick(DOES)
    .replace("{1}", () => random.pick(subjects))
    .replace("{2}", () => random.pick(subjects));
  return { username, email: `${username}@example.com`, bio: random.chance(0.7) ? capital(bio) : null };
}

const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);
