// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Pair} from "./Pair.sol";
import {Token} from "./Token.sol";

/// The one entry of a Uniswap-V2-style router that a batch uses, over pairs of one hop, for tests.
contract Router {
    mapping(Token => mapping(Token => Pair)) public pairOf;

    function register(Pair pair) external {
        pairOf[pair.first()][pair.second()] = pair;
        pairOf[pair.second()][pair.first()] = pair;
    }

    function swapExactTokensForTokens(
        uint256 amountIn,
        uint256 amountOutMin,
        address[] calldata path,
        address to,
        uint256 deadline
    ) external returns (uint256[] memory amounts) {
        require(block.timestamp <= deadline, "expired");
        require(path.length == 2, "one hop");
        Pair pair = pairOf[Token(path[0])][Token(path[1])];
        require(address(pair) != address(0), "no such pair");

        Token(path[0]).transferFrom(msg.sender, address(pair), amountIn);
        amounts = new uint256[](2);
        amounts[0] = amountIn;
        amounts[1] = pair.swap(Token(path[0]), to);
        require(amounts[1] >= amountOutMin, "too little");
    }
}
