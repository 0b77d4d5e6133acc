"""Fits a small network to a noisy sine. Knows nothing of lt: arguments in, lines of text out, a file at the end."""

import argparse

import torch
from torch import nn


def data(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(count, 1, generator=generator) * 6.28
    return x, torch.sin(x) + 0.1 * torch.randn(count, 1, generator=generator)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--hidden", type=int, default=16)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    torch.set_num_threads(1)
    model = nn.Sequential(nn.Linear(1, args.hidden), nn.Tanh(), nn.Linear(args.hidden, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    loss_of = nn.MSELoss()
    train_x, train_y = data(512, seed=1)
    val_x, val_y = data(256, seed=2)

    for epoch in range(1, args.epochs + 1):
        total = 0.0
        for x, y in zip(train_x.split(32), train_y.split(32)):
            loss = loss_of(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(x)
        with torch.no_grad():
            val_loss = loss_of(model(val_x), val_y).item()
        train_loss = total / len(train_x)
        print(f"epoch {epoch:3d}/{args.epochs}  train loss {train_loss:.4f}  val loss {val_loss:.4f}", flush=True)

    torch.save(model.state_dict(), "model.pt")


if __name__ == "__main__":
    main()
